// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {StakingHandler} from "./staking-handler.t.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

/// @dev The handler makes only calls that must succeed: any revert of it is a fault.
contract StakingInvariantsTest is StakingSetup {
    StakingHandler private handler;

    struct Sums {
        uint256 staked;
        uint256 unbonding;
        uint256 pending;
        uint256 weight;
    }

    function setUp() public override {
        super.setUp();
        handler = new StakingHandler(staking, token, guardian, multisig, arbiter);
        require(token.transfer(address(handler), 300_000_000 * QUIV));
        vm.prank(address(handler));
        token.approve(address(staking), type(uint256).max);
        for (uint256 i = 0; i < handler.actorCount(); ++i) equip(handler.actors(i));
    }

    function targetContracts() public view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev What can be said of the sums over all accounts.
    /// hardhat-config: invariant.fail-on-revert = true
    function invariant_Sums() public view {
        Sums memory sums = sum();
        IQUIVerStaking.PoolInfo memory pool = staking.poolInfo();
        uint256 balance = token.balanceOf(address(staking));
        uint256 liabilities = sums.staked + sums.unbonding + sums.pending + pool.reserve + handler.openBonds();

        isTrue(balance >= liabilities, "1 solvent: balance >= stakes + unbonding + rewards + bonds");
        eq(sums.staked, pool.totalStaked, "2 sum of stakes");
        eq(sums.weight, pool.totalWeight, "3 sum of weights");
        eq(
            sums.staked + sums.unbonding + handler.withdrawn() + handler.slashed(),
            handler.deposited() + handler.compounded(),
            "4 stakes come from deposits and compounding and go by withdrawals and slashes"
        );
        uint256 rewards = handler.paid() + handler.compounded() + sums.pending + pool.reserve;
        isTrue(rewards <= handler.funded(), "5 rewards paid and owed <= funded");
        // An account loses less than a base unit each time that its rewards are booked.
        isTrue(rewards + handler.steps() * 2 + 5 >= handler.funded(), "6 no reward is lost");
        within(balance, liabilities + handler.donated(), handler.steps() * 2 + 5, "7 nothing is left over but gifts");
        eq(token.totalSupply() + handler.burned(), token.CAP(), "8 what is burned leaves the supply");
        isTrue(handler.burned() * 2 >= handler.slashed(), "9 at least half of a slash is burned");
    }

    /// @dev What must have held at every step on the way.
    /// hardhat-config: invariant.fail-on-revert = true
    function invariant_Steps() public view {
        isTrue(handler.unexpected().length == 0, "10 what is allowed never reverts");
        isTrue(!handler.exitReverted(), "11 no slash, pause or report makes an exit revert");
        isTrue(!handler.indexFell(), "12 the index never falls");
        isTrue(!handler.epochCapPassed(), "13 no epoch takes more than its cap");
        isTrue(!handler.resizeChangedRewards(), "14 a change of stake changes no reward");
        isTrue(!handler.usedTwice(), "15 no violation counts twice");
        isTrue(!handler.leftWhileSlashable(), "16 nothing leaves that a report on it can still take");
    }

    /// @dev What must hold for each account by itself.
    /// hardhat-config: invariant.fail-on-revert = true
    function invariant_Accounts() public view {
        IQUIVerStaking.Tier[] memory tiers = staking.tiers();
        for (uint256 i = 0; i < handler.actorCount(); ++i) {
            IQUIVerStaking.AccountInfo memory account = info(handler.actors(i));
            uint256 bps = account.tier == 0 ? 0 : tiers[account.tier - 1].weightBps;
            eq(account.weight, account.staked * bps / 10_000, "17 weight follows the tier");
            isTrue(
                account.withdrawableAt <= account.unlockAt + staking.REPORT_LIFETIME(), "18 a hold has an end"
            );
            isTrue(account.unlockAt <= block.timestamp + 14 days, "19 unbonding takes fourteen days");
        }
    }

    function sum() private view returns (Sums memory sums) {
        for (uint256 i = 0; i < handler.actorCount(); ++i) {
            IQUIVerStaking.AccountInfo memory account = info(handler.actors(i));
            sums.staked += account.staked;
            sums.unbonding += account.unbonding;
            sums.pending += account.pendingRewards;
            sums.weight += account.weight;
        }
    }
}
