// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {QUIVerStaking} from "../src/QUIVerStaking.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

contract StakingTest is StakingSetup {
    uint256 private constant KEY = 0xBEEF;

    // stake

    function test_StakeFirst() public {
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.TierChanged(alice, 1);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.Staked(alice, 1_000 * QUIV, 1_000 * QUIV, true);
        vm.prank(alice);
        staking.stake(1_000 * QUIV, true);

        IQUIVerStaking.AccountInfo memory account = info(alice);
        eq(account.staked, 1_000 * QUIV, "staked");
        eq(account.weight, 1_000 * QUIV, "weight");
        eq(account.tier, 1, "tier");
        isTrue(account.isProvider, "provider");
        eq(account.unbonding + account.unlockAt + account.withdrawableAt + account.pendingRewards, 0, "nothing else");
        eq(token.balanceOf(alice), FUNDS - 1_000 * QUIV, "paid");
        eq(token.balanceOf(address(staking)), 1_000 * QUIV, "received");
        eq(staking.poolInfo().totalStaked, 1_000 * QUIV, "total");
        eq(staking.token(), address(token), "token");
    }

    function test_StakeAddAndStopProviding() public {
        vm.prank(alice);
        staking.stake(1_000 * QUIV, true);
        stakeAs(alice, 1);
        eq(info(alice).staked, 1_000 * QUIV + 1, "staked");
        isTrue(!info(alice).isProvider, "no provider any more");
    }

    function test_StakeRejectsNothing() public {
        vm.expectRevert(IQUIVerStaking.ZeroAmount.selector);
        staking.stake(0, false);
    }

    function test_StakeRejectsLessThanBronze() public {
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.StakeTooSmall.selector, 1_000 * QUIV - 1, 1_000 * QUIV)
        );
        staking.stake(1_000 * QUIV - 1, false);
    }

    function test_StakeRejectsWithoutAllowance() public {
        vm.prank(alice);
        token.approve(address(staking), 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(staking), 0, 1_000 * QUIV
            )
        );
        stakeAs(alice, 1_000 * QUIV);
    }

    function test_StakeRejectsWhilePaused() public {
        pause();
        vm.expectRevert(IQUIVerStaking.DepositsPaused.selector);
        stakeAs(alice, 1_000 * QUIV);
        vm.prank(multisig);
        staking.unpause();
        stakeAs(alice, 1_000 * QUIV);
    }

    function test_Tiers() public {
        IQUIVerStaking.Tier[] memory tiers = staking.tiers();
        eq(tiers.length, 4, "four");
        uint256[4] memory minimum = [uint256(1_000), 10_000, 50_000, 200_000];
        uint256[4] memory weight = [uint256(10_000), 11_500, 13_000, 15_000];
        for (uint256 i = 0; i < 4; ++i) {
            eq(tiers[i].minimumStake, minimum[i] * QUIV, "minimum");
            eq(tiers[i].weightBps, weight[i], "weight");
        }

        eq(staking.tierOf(alice), 0, "none");
        stakeAs(alice, 10_000 * QUIV - 1);
        eq(staking.tierOf(alice), 1, "still bronze");
        stakeAs(alice, 1);
        eq(staking.tierOf(alice), 2, "silver");
        eq(info(alice).weight, 11_500 * QUIV, "weight");
        stakeAs(alice, 40_000 * QUIV);
        eq(staking.tierOf(alice), 3, "gold");
        eq(info(alice).weight, 65_000 * QUIV, "weight");
        stakeAs(alice, 150_000 * QUIV);
        eq(staking.tierOf(alice), 4, "platinum");
        eq(info(alice).weight, 300_000 * QUIV, "weight");
    }

    // stakeWithPermit

    function test_StakeWithPermit() public {
        address owner = vm.addr(KEY);
        require(token.transfer(owner, 5_000 * QUIV));
        (uint8 v, bytes32 r, bytes32 s) = permit(owner, 5_000 * QUIV);
        vm.prank(owner);
        staking.stakeWithPermit(5_000 * QUIV, true, block.timestamp, v, r, s);
        eq(info(owner).staked, 5_000 * QUIV, "staked");
        eq(token.allowance(owner, address(staking)), 0, "nothing left");
    }

    function test_StakeWithPermitRejectsWithoutPermit() public {
        address owner = vm.addr(KEY);
        require(token.transfer(owner, 5_000 * QUIV));
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        vm.prank(owner);
        staking.stakeWithPermit(5_000 * QUIV, true, block.timestamp, 27, bytes32(uint256(1)), bytes32(uint256(1)));
    }

    function test_StakeWithPermitRejectsWhilePaused() public {
        pause();
        vm.expectRevert(IQUIVerStaking.DepositsPaused.selector);
        staking.stakeWithPermit(5_000 * QUIV, true, block.timestamp, 27, 0, 0);
    }

    // requestUnstake and withdraw

    function test_UnstakeAll() public {
        stakeAs(alice, 10_000 * QUIV);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.TierChanged(alice, 0);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.UnstakeRequested(alice, 10_000 * QUIV, 10_000 * QUIV, START + 14 days);
        vm.prank(alice);
        staking.requestUnstake(10_000 * QUIV);

        IQUIVerStaking.AccountInfo memory account = info(alice);
        eq(account.staked + account.weight + account.tier, 0, "nothing staked");
        eq(account.unbonding, 10_000 * QUIV, "unbonding");
        eq(account.unlockAt, START + 14 days, "unlock");
        eq(account.withdrawableAt, START + 14 days, "withdrawable");
        eq(staking.poolInfo().totalStaked + staking.poolInfo().totalWeight, 0, "totals");

        skip(14 days);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.Withdrawn(alice, 10_000 * QUIV);
        vm.prank(alice);
        eq(staking.withdraw(), 10_000 * QUIV, "returned");
        eq(token.balanceOf(alice), FUNDS, "all back");
        eq(info(alice).unbonding + info(alice).unlockAt, 0, "slot is free");
    }

    function test_UnstakePartBelowBronzeEarnsNothing() public {
        stakeAs(alice, 1_000 * QUIV);
        vm.prank(alice);
        staking.requestUnstake(1);
        eq(info(alice).weight, 0, "no weight");
        eq(info(alice).staked, 1_000 * QUIV - 1, "the rest");
        stakeAs(alice, 1);
        eq(info(alice).weight, 1_000 * QUIV, "bronze again");
    }

    function test_UnstakeTwiceStartsTheClockAgainForAll() public {
        stakeAs(alice, 3_000 * QUIV);
        vm.startPrank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(13 days);
        staking.requestUnstake(500 * QUIV);
        skip(1 days);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.StillUnbonding.selector, START + 27 days));
        staking.withdraw();
        skip(13 days);
        eq(staking.withdraw(), 1_500 * QUIV, "both");
        vm.stopPrank();
    }

    function test_UnstakeRejectsNothing() public {
        vm.expectRevert(IQUIVerStaking.ZeroAmount.selector);
        staking.requestUnstake(0);
    }

    function test_UnstakeRejectsMoreThanStaked() public {
        stakeAs(alice, 1_000 * QUIV);
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.StakeInsufficient.selector, 1_000 * QUIV + 1, 1_000 * QUIV)
        );
        vm.prank(alice);
        staking.requestUnstake(1_000 * QUIV + 1);
    }

    function test_WithdrawRejectsNothing() public {
        vm.expectRevert(IQUIVerStaking.NothingToWithdraw.selector);
        staking.withdraw();
    }

    function test_WithdrawRejectsASecondEarly() public {
        stakeAs(alice, 1_000 * QUIV);
        vm.startPrank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(14 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.StillUnbonding.selector, START + 14 days));
        staking.withdraw();
        vm.stopPrank();
    }

    function test_WithdrawTwiceRejects() public {
        stakeAs(alice, 1_000 * QUIV);
        vm.startPrank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(14 days);
        staking.withdraw();
        vm.expectRevert(IQUIVerStaking.NothingToWithdraw.selector);
        staking.withdraw();
        vm.stopPrank();
    }

    // pause

    function test_PauseIsTheGuardians() public {
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.Paused(guardian);
        pause();
        isTrue(staking.poolInfo().paused, "paused");
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, guardian));
        vm.prank(guardian);
        staking.unpause();
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.Unpaused(multisig);
        vm.prank(multisig);
        staking.unpause();
        isTrue(!staking.poolInfo().paused, "open");
    }

    function test_PauseRejectsOthers() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        vm.prank(alice);
        staking.pause();
    }

    function test_PauseStopsNoExitAndEatsNoRewards() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        pause();
        skip(10 days);
        vm.startPrank(alice);
        within(staking.claimRewards(), 1_000 * QUIV, 1_000, "earned during the pause");
        staking.requestUnstake(1_000 * QUIV);
        skip(14 days);
        staking.withdraw();
        vm.stopPrank();
        within(token.balanceOf(alice), FUNDS + 1_000 * QUIV, 1_000, "all back");
    }

    // fuzz

    function testFuzz_StakeUnstakeWithdrawGivesAllBack(uint256 amount, uint256 part, uint256 wait) public {
        amount = between(amount, 1_000 * QUIV, FUNDS);
        part = between(part, 1, amount);
        stakeAs(alice, amount);
        vm.prank(alice);
        staking.requestUnstake(part);
        eq(info(alice).staked + info(alice).unbonding, amount, "sum");
        skip(between(wait, 14 days, 1000 days));
        vm.prank(alice);
        staking.withdraw();
        eq(token.balanceOf(alice), FUNDS - amount + part, "back");
    }

    function testFuzz_WeightFollowsTheTier(uint256 amount) public {
        amount = between(amount, 1_000 * QUIV, FUNDS);
        stakeAs(alice, amount);
        IQUIVerStaking.Tier memory tier = staking.tiers()[staking.tierOf(alice) - 1];
        isTrue(amount >= tier.minimumStake, "at least the tier's minimum");
        eq(info(alice).weight, amount * tier.weightBps / 10_000, "weight");
        eq(staking.poolInfo().totalWeight, info(alice).weight, "sum of weights");
    }

    function pause() private {
        vm.prank(guardian);
        staking.pause();
    }

    function permit(address owner, uint256 amount) private view returns (uint8, bytes32, bytes32) {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(typehash, owner, address(staking), amount, 0, block.timestamp));
        return vm.sign(KEY, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), message)));
    }
}
