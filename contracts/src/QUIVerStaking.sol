// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IQUIVToken} from "./interfaces/IQUIVToken.sol";
import {IQUIVerStaking} from "./interfaces/IQUIVerStaking.sol";
import {QUIVerStakingBase} from "./QUIVerStakingBase.sol";
import {QUIVerStakingSlashing} from "./QUIVerStakingSlashing.sol";
import {RewardPool} from "./RewardPool.sol";
import {Tiers} from "./Tiers.sol";

/// @title Staking of QUIV
/// @notice Stake, earn by the second out of what was paid in as rewards, leave after fourteen days. Ways out (request,
///         withdraw, claim) can't be paused. See contracts/docs/staking.md.
contract QUIVerStaking is QUIVerStakingSlashing, UUPSUpgradeable {
    using RewardPool for RewardPool.Pool;
    using SafeCast for uint256;
    using SafeERC20 for IQUIVToken;

    uint256 public constant UNBONDING_PERIOD = 14 days;
    uint256 public constant COMPOUND_INTERVAL = 1 days;
    uint256 public constant KEEPER_FEE_BPS = 100;
    uint256 public constant KEEPER_FEE_CAP = 5e18;

    uint256 private constant ONE_BPS = 10_000;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor(address token_) QUIVerStakingBase(token_) {}

    /// @param authority the AccessManager that says who pauses, who decides on reports and who upgrades
    function initialize(address authority) external initializer {
        if (authority.code.length == 0) revert NotAContract(authority);
        __AccessManaged_init(authority);
        _pool.updatedAt = block.timestamp.toUint40();
    }

    // Stake and leave

    /// @inheritdoc IQUIVerStaking
    function stake(uint256 amount, bool isProvider) external nonReentrant {
        _stake(amount, isProvider);
    }

    /// @inheritdoc IQUIVerStaking
    function stakeWithPermit(uint256 amount, bool isProvider, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
       
    {
        // Whoever saw the permit may have used it first: what counts is the allowance.
        try TOKEN.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _stake(amount, isProvider);
    }

    /// @inheritdoc IQUIVerStaking
    function requestUnstake(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        RewardPool.Pool memory pool = _accruedPool();
        Position memory position = _positions[msg.sender];
        if (amount > position.staked) revert StakeInsufficient(amount, position.staked);

        Ledger memory ledger = _ledgers[msg.sender];
        ledger.rewards = (_earned(pool, position) + ledger.rewards).toUint96();
        ledger.unbonding = (amount + ledger.unbonding).toUint96();
        ledger.unlockAt = (block.timestamp + UNBONDING_PERIOD).toUint32();
        _save(msg.sender, ledger);
        _resize(msg.sender, pool, position, position.staked - amount);
        _save(msg.sender, position);
        _save(pool);
        emit UnstakeRequested(msg.sender, amount, ledger.unbonding, ledger.unlockAt);
    }

    /// @inheritdoc IQUIVerStaking
    function withdraw() external nonReentrant returns (uint256 amount) {
        Ledger memory ledger = _ledgers[msg.sender];
        amount = ledger.unbonding;
        if (amount == 0) revert NothingToWithdraw();
        if (block.timestamp < ledger.unlockAt) revert StillUnbonding(ledger.unlockAt);
        uint256 withdrawableAt = _withdrawableAt(ledger);
        if (block.timestamp < withdrawableAt) revert WithdrawOnHold(withdrawableAt);

        ledger.unbonding = 0;
        ledger.unlockAt = 0;
        _save(msg.sender, ledger);
        emit Withdrawn(msg.sender, amount);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    // Rewards

    /// @inheritdoc IQUIVerStaking
    function fundRewards(uint256 amount, uint256 duration) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        RewardPool.Pool memory pool = _openPool();
        pool.fund(amount, duration);
        _save(pool);
        emit RewardsFunded(msg.sender, amount, pool.reserve, pool.endsAt);
        _pull(msg.sender, amount);
    }

    /// @inheritdoc IQUIVerStaking
    function claimRewards() external nonReentrant returns (uint256 amount) {
        RewardPool.Pool memory pool = _accruedPool();
        Position memory position = _positions[msg.sender];
        amount = _takeRewards(pool, position, msg.sender);
        if (amount == 0) revert NoRewards();
        position.rewardIndex = pool.index;
        _save(msg.sender, position);
        _save(pool);
        emit RewardsClaimed(msg.sender, amount);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IQUIVerStaking
    function setAutoCompound(bool enabled) external {
        _positions[msg.sender].compoundableAt = enabled ? block.timestamp.toUint32() : 0;
        emit AutoCompoundSet(msg.sender, enabled);
    }

    /// @inheritdoc IQUIVerStaking
    function compoundFor(address account)
        external
        nonReentrant
       
        returns (uint256 compounded, uint256 fee)
    {
        RewardPool.Pool memory pool = _openPool();
        Position memory position = _positions[account];
        uint256 rewards = _takeRewards(pool, position, account);
        if (rewards == 0) revert NoRewards();
        if (msg.sender != account) fee = _keeperFee(account, position, rewards);
        compounded = rewards - fee;

        _resize(account, pool, position, position.staked + compounded);
        _save(account, position);
        _save(pool);
        if (fee != 0) _ledgers[msg.sender].rewards += fee.toUint96();
        emit RewardsCompounded(account, msg.sender, compounded, fee);
    }

    // Guardian

    /// @inheritdoc IQUIVerStaking
    function pause() external restricted {
        _pool.paused = true;
        emit Paused(msg.sender);
    }

    /// @inheritdoc IQUIVerStaking
    function unpause() external restricted {
        _pool.paused = false;
        emit Unpaused(msg.sender);
    }

    // Views

    function token() external view returns (address) {
        return address(TOKEN);
    }

    function pendingRewards(address account) public view returns (uint256) {
        return _ledgers[account].rewards + _earned(_accruedPool(), _positions[account]);
    }

    function tierOf(address account) public view returns (uint8 tier) {
        (tier,) = Tiers.rank(_positions[account].staked);
    }

    function accountInfo(address account) external view returns (AccountInfo memory) {
        Position memory position = _positions[account];
        Ledger memory ledger = _ledgers[account];
        bool held = block.timestamp < ledger.holdUntil;
        return AccountInfo({
            staked: position.staked,
            unbonding: ledger.unbonding,
            unlockAt: ledger.unlockAt,
            withdrawableAt: ledger.unbonding == 0 ? 0 : _withdrawableAt(ledger),
            pendingRewards: pendingRewards(account),
            weight: _weight(position),
            tier: tierOf(account),
            isProvider: position.isProvider,
            autoCompound: position.compoundableAt != 0,
            compoundableAt: position.compoundableAt,
            openReports: held ? position.openReports : 0,
            holdUntil: held ? ledger.holdUntil : 0
        });
    }

    function poolInfo() external view returns (PoolInfo memory) {
        RewardPool.Pool memory pool = _accruedPool();
        return PoolInfo({
            totalStaked: pool.totalStaked,
            totalWeight: pool.totalWeight,
            reserve: pool.reserve,
            ratePerSecond: pool.rate(),
            endsAt: pool.endsAt,
            index: pool.index,
            paused: pool.paused
        });
    }

    function tiers() external pure returns (Tier[] memory list) {
        uint256[4] memory minimum = [Tiers.BRONZE, Tiers.SILVER, Tiers.GOLD, Tiers.PLATINUM];
        list = new Tier[](minimum.length);
        for (uint256 i = 0; i < minimum.length; ++i) {
            (, uint16 weightBps) = Tiers.rank(minimum[i]);
            list[i] = Tier({minimumStake: minimum[i], weightBps: weightBps});
        }
    }

    function _stake(uint256 amount, bool isProvider) private {
        if (amount == 0) revert ZeroAmount();
        RewardPool.Pool memory pool = _openPool();
        Position memory position = _positions[msg.sender];
        uint256 staked = position.staked + amount;
        if (staked < Tiers.BRONZE) revert StakeTooSmall(staked, Tiers.BRONZE);

        uint256 earned = _earned(pool, position);
        if (earned != 0) _ledgers[msg.sender].rewards += earned.toUint96();
        position.isProvider = isProvider;
        _resize(msg.sender, pool, position, staked);
        _save(msg.sender, position);
        _save(pool);
        emit Staked(msg.sender, amount, staked, isProvider);
        _pull(msg.sender, amount);
    }

    /// @dev All that the account has earned, taken out of its ledger; the caller moves the position's index on.
    function _takeRewards(RewardPool.Pool memory pool, Position memory position, address account)
        private
        returns (uint256 amount)
    {
        amount = _earned(pool, position);
        uint256 booked = _ledgers[account].rewards;
        if (booked != 0) {
            amount += booked;
            _ledgers[account].rewards = 0;
        }
    }

    /// @dev What a keeper gets out of the account's rewards. An account that has left isn't drawn in again.
    function _keeperFee(address account, Position memory position, uint256 rewards) private view returns (uint256) {
        if (position.compoundableAt == 0 || position.weightBps == 0) revert AutoCompoundOff(account);
        if (block.timestamp < position.compoundableAt) revert CompoundTooSoon(position.compoundableAt);
        position.compoundableAt = (block.timestamp + COMPOUND_INTERVAL).toUint32();
        return Math.min((rewards * KEEPER_FEE_BPS) / ONE_BPS, KEEPER_FEE_CAP);
    }

    /// @dev The AccessManager's admin is a timelock of 48 hours. A version for another token would lose what is here.
    function _authorizeUpgrade(address implementation) internal override restricted {
        address other = QUIVerStaking(implementation).token();
        if (other != address(TOKEN)) revert WrongToken(other);
    }
}
